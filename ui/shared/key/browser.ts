export type BrowserName = 'edge' | 'qihoo' | 'firefox' | 'safari' | 'chrome';

// browserName names the browser, to tell where its settings are. 360's says so
// only in some modes; else it passes for Chrome, whose way is nearly its own.
export function browserName(agent: string): BrowserName {
  if (/Edg\//.test(agent)) {
    return 'edge';
  }
  if (/QIHU|360SE|360EE/i.test(agent)) {
    return 'qihoo';
  }
  if (/Firefox\//.test(agent)) {
    return 'firefox';
  }
  return /Safari\//.test(agent) && !/Chrom(e|ium)\//.test(agent) ? 'safari' : 'chrome';
}
