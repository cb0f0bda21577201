// Reach the certhall agent on the user's PC from a page (docs/agent-api.md).
export const ports: readonly number[] = [17083, 27083, 37083];
