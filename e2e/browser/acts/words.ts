// The words a person goes by, in the two languages of the pages. Journeys find
// everything by them: what is not to be read on the page cannot be found.
export const words = {
  zh: {
    logIn: '登录',
    name: '用户名或手机号',
    password: '密码',
    byCode: '短信登录',
    phone: '手机号',
    code: '短信验证码',
    sendCode: '获取验证码',
    newPassword: '新密码',
    savePassword: '保存密码并进入',
    home: '管理首页',
    begin: { renew: /^延期：/, repair: /^修复：/ },
    visit: { renew: '证书延期', repair: '证书修复（已过期）' },
    choose: { renew: '延期这张证书', repair: '修复这张证书' },
    resume: /^继续操作：/,
    sendToPhone: '发送验证码',
    checkCode: '验证并继续',
    openWindow: /^打开(证书助手窗口|窗口)/,
    window: {
      title: { pair: '允许这个网站使用您的钥匙吗', pin: '请输入钥匙的 PIN', lastTry: '使用最后一次机会吗' },
      yes: { pair: '允许', pin: '确定', lastTry: '确定' },
    },
    done: { renew: '续费成功', repair: '修复成功' },
    oldStillWorks: '旧证书仍然可用，可以继续使用。',
  },
  en: {
    logIn: 'Log in',
    name: 'User name or mobile number',
    password: 'Password',
    byCode: 'Text message',
    phone: 'Mobile number',
    code: 'Code from the text message',
    sendCode: 'Send code',
    newPassword: 'New password',
    savePassword: 'Save password and go on',
    home: 'Home',
    begin: { renew: /^Renew\b/, repair: /^Repair\b/ },
    visit: { renew: 'Renew a certificate', repair: 'Repair an expired one' },
    choose: { renew: 'Renew this certificate', repair: 'Repair this certificate' },
    resume: /^Continue\b/,
    sendToPhone: 'Send the code',
    checkCode: 'Confirm and go on',
    openWindow: /^Open the (agent|window)/,
    window: {
      title: { pair: 'Let this site use your keys?', pin: 'Enter the PIN of your key', lastTry: 'Use the last try?' },
      yes: { pair: 'Allow', pin: 'OK', lastTry: 'OK' },
    },
    done: { renew: 'Renewed', repair: 'Repaired' },
    oldStillWorks: 'The old certificate still works; go on using it.',
  },
};

/** What the agent may ask in its window. */
export type Question = keyof (typeof words)['zh']['window']['title'];

export type Words = (typeof words)['zh'];
