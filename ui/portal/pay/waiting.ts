// While an order waits for its payment.
import type { Hall } from '../../api';

// clock writes seconds as 29:59.
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

// trialPage is where a code is paid for trial, without money; '' where payment
// is real.
export function trialPage(hall: Pick<Hall, 'payment_trial' | 'pay_page'> | undefined, code: string | undefined): string {
  return hall?.payment_trial && hall.pay_page && code ? `${hall.pay_page}?code_url=${encodeURIComponent(code)}` : '';
}
