// Where things lie in the checkout.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** A program that `make build` made. */
export const program = (name: string): string => path.join(root, 'bin', name);

/** A file or folder among the build's outputs. */
export const build = (...names: string[]): string => path.join(root, 'build', ...names);
