import { parseInstant } from '../../../core/import-export/fields.ts'

/**
 * Reads an instant as the original does, and forgives more (enterprise-routes.md §2.2, §7.4): `T` or a blank before the time, up
 * to nine digits of fraction, an offset with or without its colon and minutes; without an offset it is UTC, and a date alone is
 * its midnight.
 *
 * @param text may come from a query in which a plus was not encoded, so that it was read as a blank.
 * @returns ISO 8601, UTC, with microseconds; null for everything else, and for days that no calendar has.
 */
export function readInstant(text: string): string | null {
  const [, day, time = '00:00', seconds = '00', fraction = '', sign = '+', hours = '00', minutes = '00'] =
    FORM.exec(text.trim()) ?? []
  if (day === undefined) return null
  const digits = fraction.slice(0, 6)
  const offset = `${sign === ' ' ? '+' : sign}${hours}:${minutes}`
  return parseInstant(`${day}T${time}:${seconds}${digits === '' ? '' : `.${digits}`}${offset}`)
}

const FORM =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+\- ])(\d\d)(?::?(\d\d))?)?)?$/
