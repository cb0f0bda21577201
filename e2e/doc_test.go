// Package e2e plays people at real terminals against the real binaries, runs
// the README's commands as they stand there, kills both sides half-way, and
// gives what the authority made to other people's programs (openssl, Bouncy
// Castle) to read.
package e2e
