// The person before the page, who knows nothing but what is to be read there.
import { type BrowserContext, expect, type Locator, type Page } from '@playwright/test';

import type { Hall } from '../world/hall';
import { Keys } from '../world/keys';
import type { Question, Words } from './words';

/** The demo's handler, and what lies on his key. */
export const handler = {
  name: 'demo',
  phone: '13800000001',
  firstPassword: '000001',
  ownPassword: 'yanqi zai chuangkou',
};

export type Service = 'renew' | 'repair';

export class Clerk {
  constructor(
    readonly page: Page,
    readonly words: Words,
    readonly hall: Hall,
  ) {}

  /** The same person at another page. */
  at(page: Page): Clerk {
    return new Clerk(page, this.words, this.hall);
  }

  // ---- logging in

  async openLogIn(): Promise<void> {
    await this.page.goto('/#/login?redirect=%2Fdashboard');
  }

  /** Logs in for the first time: first password, code, a password of one's own. */
  async logInFirst(): Promise<void> {
    await this.openLogIn();
    await this.enterPassword(handler.firstPassword); // which has the code sent by itself
    await this.enterLogInCode(handler.phone);
    await this.choosePassword();
  }

  async enterLogInCode(phone: string): Promise<void> {
    await this.field(this.words.code).fill(await this.hall.code(phone));
    await this.press(this.words.logIn);
  }

  async choosePassword(): Promise<void> {
    await this.field(this.words.newPassword).fill(handler.ownPassword);
    await this.press(this.words.savePassword);
    await this.sees(this.words.home);
  }

  /** Logs in with one's own password. */
  async logIn(): Promise<void> {
    await this.openLogIn();
    await this.enterPassword(handler.ownPassword);
    await this.sees(this.words.home);
  }

  async enterPassword(password: string): Promise<void> {
    await this.field(this.words.name).fill(handler.name);
    await this.field(this.words.password).fill(password);
    await this.press(this.words.logIn);
  }

  /** Logs in by a code sent to the phone. */
  async logInByCode(phone: string): Promise<void> {
    await this.openLogIn();
    await this.page.getByRole('tab', { name: this.words.byCode }).click();
    await this.field(this.words.phone).fill(phone);
    await this.press(this.words.sendCode);
    await this.enterLogInCode(phone);
    await this.sees(this.words.home);
  }

  // ---- a service

  /** Begins a service at the dashboard's button for it: for the certificate that ends first, if there are several. */
  async begin(service: Service): Promise<void> {
    await this.page.getByRole('link', { name: this.words.begin[service] }).first().click();
  }

  /** Begins a service without an account, from the log-in page, with the key. */
  async beginAsVisitor(service: Service): Promise<void> {
    await this.openLogIn();
    await this.page.getByRole('link', { name: this.words.visit[service] }).click();
  }

  /** Begins a service as the manuals do: home page, project and brand, start. */
  async beginAtHome(service: Service, offer: string): Promise<void> {
    await this.page.goto('/');
    await this.page.getByRole('link', { name: this.words.front[service] }).click();
    await this.page.getByRole('link', { name: offer }).click();
    await this.page.getByRole('link', { name: this.words.start[service] }).click();
  }

  /** Goes on with the unfinished case of the dashboard. */
  async resume(): Promise<void> {
    await this.page.goto('/#/dashboard');
    await this.page.getByRole('link', { name: this.words.resume }).click();
  }

  /** Step 2: has a code sent to the registered phone and enters it. */
  async provePhone(): Promise<void> {
    await this.sendCode();
    await this.enterCode();
  }

  async sendCode(): Promise<void> {
    await this.press(this.words.sendToPhone);
  }

  async enterCode(): Promise<void> {
    await this.field(this.words.code).fill(await this.hall.code(handler.phone));
    await this.press(this.words.checkCode);
  }

  /** Agrees to what is free of charge, and lets it be used. */
  async agree(service: Service = 'renew'): Promise<void> {
    await this.press(this.words.submit);
    await this.confirm(service);
  }

  /** Orders what costs money, pays in another tab, and lets it be used. */
  async buy(service: Service): Promise<void> {
    await this.order();
    await this.pay();
    await this.confirm(service);
  }

  async order(): Promise<void> {
    await this.page.getByRole('button', { name: this.words.pay }).click();
  }

  /** Pays the order at the page that plays the telephone. */
  async pay(): Promise<void> {
    await this.paysOn(await this.scan());
  }

  /** Pays on the telephone; it is put away when it says that this is done. */
  async paysOn(phone: Page): Promise<void> {
    await phone.getByRole('button', { name: this.words.pay }).click();
    await expect(phone.getByRole('status')).toContainText(this.words.paid);
    await phone.close();
  }

  /** Opens the page that plays the telephone, as if the code were scanned. */
  async scan(): Promise<Page> {
    const opened = this.context.waitForEvent('page');
    await this.page.getByRole('link', { name: this.words.payHere }).click();
    return opened;
  }

  /** Says yes to the question that is asked before what was bought is used. */
  async confirm(service: Service = 'renew'): Promise<void> {
    await this.press(this.words.confirm[service]);
    await this.page.getByRole('dialog').getByRole('button', { name: this.words.yes, exact: true }).click();
  }

  /** Lets the portal use the keys of this PC. */
  async allowSite(): Promise<void> {
    await this.answer('pair');
  }

  async enterPIN(pin?: string): Promise<void> {
    const window = await this.asked('pin');
    await window.getByLabel('PIN').fill(pin ?? (await new Keys(this.hall.dir).pin()));
    await window.getByRole('button', { name: this.words.window.yes.pin, exact: true }).click();
  }

  /** Types wrong PINs, each another one, until the key locks; the last after a warning. */
  async lock(): Promise<void> {
    for (let left = 6; left > 1; left--) {
      await expect((await this.asked('pin')).getByText(this.words.window.tries(left))).toBeVisible();
      await this.enterPIN(`0000000${left}`);
    }
    await this.answer('lastTry');
    await this.enterPIN('00000001');
  }

  /** Begins, as a visitor, with the certificate that the page has chosen. */
  async chooseCertificate(service: Service): Promise<void> {
    await this.press(this.words.choose[service]);
  }

  async seesResult(service: Service): Promise<void> {
    await this.sees(this.words.done[service]);
  }

  // ---- the agent's window

  /** Says yes in the agent's window, or presses another of its buttons. */
  async answer(question: Question, button = this.words.window.yes[question]): Promise<void> {
    const window = await this.asked(question);
    await window.getByRole('button', { name: button, exact: true }).click();
  }

  /**
   * Waits for the agent to ask, and gives the window it asks in. Usually that
   * comes by itself; where the browser holds it back, the page has a button.
   */
  async asked(question: Question, press = (button: Locator) => button.click()): Promise<Page> {
    const heading = this.words.window.title[question];
    const open = this.page.getByRole('button', { name: this.words.openWindow });
    let waited = 0;
    let found: Page | undefined;
    await expect(async () => {
      for (const window of this.windows) {
        if (await window.getByRole('heading', { name: heading }).isVisible()) {
          found = window;
        }
      }
      if (!found && this.windows.length === 0 && (await open.isVisible()) && ++waited > 2) {
        waited = 0;
        await press(open);
      }
      expect(found, `window that asks: ${heading}`).toBeDefined();
    }).toPass({ intervals: [100], timeout: 60_000 });
    return found as Page;
  }

  private get windows(): Page[] {
    return this.context.pages().filter((page) => page.url().startsWith(`http://127.0.0.1:${this.hall.site.agentPort}/ui`));
  }

  // ---- what is to be read and pressed

  async sees(heading: string): Promise<void> {
    await expect(this.page.getByRole('heading', { name: heading, level: 1 })).toBeVisible();
  }

  async reads(text: string | RegExp): Promise<void> {
    await expect(this.page.getByText(text).first()).toBeVisible();
  }

  field(label: string): Locator {
    return this.page.getByLabel(label, { exact: true }).and(this.page.locator('input')); // a tab may have the same name
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  async press(name: string): Promise<void> {
    await this.button(name).click();
  }

  private get context(): BrowserContext {
    return this.page.context();
  }
}
