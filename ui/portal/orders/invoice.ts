// What is asked of an invoice (电子发票) before it is sent; the hall judges again.
import type { InvoiceRequest } from '../../api';
import { i18n } from '../../shared/i18n';
import { tidied, validTaxNumber } from './taxNumber';

// invoiceErrors are by the id of their field.
export function invoiceErrors(r: InvoiceRequest): Record<string, string> {
  const { t } = i18n.global;
  const errors: Record<string, string> = {};
  if (r.title.trim() === '') {
    errors['invoice-title'] = t('invoice.error.title');
  }
  const number = tidied(r.tax_number ?? '');
  if (r.holder === 'organisation' && !validTaxNumber(number)) {
    errors['invoice-tax'] = t(number === '' ? 'invoice.error.tax-missing' : 'invoice.error.tax');
  }
  const mail = r.mail.trim();
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(mail)) {
    errors['invoice-mail'] = t(mail === '' ? 'invoice.error.mail-missing' : 'invoice.error.mail');
  }
  return errors;
}

// sendable is a request as it is sent.
export function sendable({ holder, title, tax_number, mail }: InvoiceRequest): InvoiceRequest {
  const request = { holder, title: title.trim(), mail: mail.trim() };
  return holder === 'organisation' ? { ...request, tax_number: tidied(tax_number ?? '') } : request;
}
