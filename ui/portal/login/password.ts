import { i18n } from '../../shared/i18n';

const shortest = 8;

// passwordWrong says, by the field's id, what the page itself sees wrong with a
// new password; the hall judges the rest.
export function passwordWrong(field: string, password: string): Record<string, string> {
  const { t } = i18n.global;
  if (password === '') {
    return { [field]: t('login.new.missing') };
  }
  return [...password].length < shortest ? { [field]: t('login.new.short', { count: shortest }) } : {};
}
