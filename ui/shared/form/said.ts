import { i18n } from '../i18n';
import type { Problem } from '../problem';

// said is a refusal in the words that stand beside a field.
export function said(problem: Problem): string {
  const { message, hint } = problem.said;
  return hint ? i18n.global.t('shell.form.said', { message, hint }) : message;
}
