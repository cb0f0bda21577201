// The page's languages. The person's choice is kept on this computer; without
// one the browser's language counts, Chinese first.
import { createI18n } from 'vue-i18n';

import en from '../locale/en.json';
import zh from '../locale/zh-CN.json';

export const languages = { 'zh-CN': '中文', en: 'English' } as const;
export type Language = keyof typeof languages;

const remembered = 'certhall.language';

// i18n holds the texts; flat keys, as in the other locale files: a key may be
// the beginning of another.
export const i18n = createI18n({
  legacy: false,
  locale: preferred(),
  fallbackLocale: 'zh-CN',
  messageResolver: (texts, key) => (texts as Record<string, string>)[key] ?? null,
  messages: { 'zh-CN': zh, en },
});

function preferred(): Language {
  const chosen = read();
  if (chosen) {
    return chosen;
  }
  return navigator.languages.some((l) => l.toLowerCase().startsWith('zh')) || !navigator.language.startsWith('en')
    ? 'zh-CN'
    : 'en';
}

function read(): Language | undefined {
  try {
    const stored = localStorage.getItem(remembered);
    return stored !== null && stored in languages ? (stored as Language) : undefined;
  } catch {
    return undefined; // storage refused: the browser's language counts
  }
}

// speak changes the language of the page and of what servers answer.
export function speak(language: Language): void {
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
  try {
    localStorage.setItem(remembered, language);
  } catch {
    // storage refused: for this visit only
  }
}

// language is the one spoken now.
export function language(): Language {
  return i18n.global.locale.value as Language;
}
