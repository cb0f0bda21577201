// Where to go after log-in. The address may come from anybody's link, so only
// a path of this very page counts: one slash, then anything but another slash
// or what browsers take for one. Everything else leads to the dashboard.
export const home = '/dashboard';

export function target(wanted: unknown): string {
  const ours = typeof wanted === 'string' && /^\/(?![/\\])[^\\\p{Cc}]*$/u.test(wanted);
  return ours && !/^\/(login|password)(?![^?#/])/.test(wanted) ? wanted : home;
}
