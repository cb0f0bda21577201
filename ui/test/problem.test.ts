import { describe, expect, it } from 'vitest';

import { said } from '../shared/form/said';
import { speak } from '../shared/i18n';
import { Problem } from '../shared/problem';

const problem = (message: string, hint: string) => new Problem('code', { message, hint });

describe('a problem', () => {
  it.each([
    ['钥匙已锁定', '钥匙已锁定。'],
    ['没有找到证书助手。', '没有找到证书助手。'],
    ['The key is locked', 'The key is locked.'],
    ['要取消吗？', '要取消吗？'],
    ['', ''],
  ])('is told in whole sentences: %s', (text, sentence) => {
    expect(problem(text, text).said).toMatchObject({ message: sentence, hint: sentence });
  });

  it('reads on beside a field', () => {
    speak('zh-CN');
    expect(said(problem('验证码不正确', '请重新输入'))).toBe('验证码不正确。请重新输入。');
    expect(said(problem('验证码不正确', ''))).toBe('验证码不正确。');
  });
});
