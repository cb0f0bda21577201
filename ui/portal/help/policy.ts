// Files by which an administrator lets the browsers of all PCs reach the keys
// without asking anybody (policies of Chromium since 139, of Firefox since 150).

export interface PolicyFile {
  id: 'windows' | 'linux' | 'firefox';
  name: string;
  type: string;
  text: string;
}

// Chromium split the older policy in two; both are set, each version takes its own.
const policies = ['LocalNetworkAccessAllowedForUrls', 'LoopbackNetworkAllowedForUrls'];
const browsers = ['Google\\Chrome', 'Microsoft\\Edge'];

// policyFiles names the portal's origin as browsers write it: no sign in it
// means anything in a registry file.
export function policyFiles(portal: string): PolicyFile[] {
  const { origin, hostname } = new URL(portal);
  return [
    { id: 'windows', name: 'certhall-browsers.reg', type: 'text/plain', text: registry(origin) },
    { id: 'linux', name: 'certhall-browsers.json', type: 'application/json', text: json(Object.fromEntries(policies.map((p) => [p, [origin]]))) },
    {
      id: 'firefox',
      name: 'policies.json',
      type: 'application/json',
      text: json({ policies: { LocalNetworkAccess: { SkipDomains: [hostname] } } }),
    },
  ];
}

// The value is named far from 1, so that entries already there stay.
function registry(origin: string): string {
  const keys = browsers.flatMap((b) => policies.map((p) => `[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\${b}\\${p}]\r\n"8083"="${origin}"\r\n`));
  return ['Windows Registry Editor Version 5.00\r\n', ...keys].join('\r\n');
}

function json(policy: object): string {
  return JSON.stringify(policy, null, 2) + '\n';
}
