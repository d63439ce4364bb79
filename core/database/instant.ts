const PG_UTC = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00(?::?00)?$/
const PG_ANY = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::?(\d\d))?(?::(\d\d))?$/

/**
 * Turns PostgreSQL's text of a `timestamptz` into ISO 8601 in UTC without losing microseconds: the fraction is left
 * out when it is zero and has six digits otherwise (rest-v1 §3.0), e.g. `2018-01-01T00:00:01.120000Z`.
 *
 * @param text what the server sends with `DateStyle ISO`, or as JSON, in any session time zone.
 */
export function instantFromPostgres(text: string): string {
  const utc = PG_UTC.exec(text)
  if (utc) return `${utc[1]}T${utc[2]}${fraction(utc[3])}Z`
  const any = PG_ANY.exec(text)
  if (!any) throw new Error('The database sent an instant outside the years 0001 to 9999')
  const [, day, time, digits, sign, hours, minutes = 0, seconds = 0] = any
  // Before there were time zones, a place's own time was apart from UTC by seconds too.
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === '-' ? -1 : 1)
  const inUtc = new Date(Date.parse(`${day}T${time}Z`) - offset * 1000).toISOString().slice(0, 19)
  return `${inUtc}${fraction(digits)}Z`
}

/** ISO 8601 of a `Date` in the same form as {@link instantFromPostgres}. */
export function instantFromDate(date: Date): string {
  const text = date.toISOString()
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : `${text.slice(0, -1)}000Z`
}

function fraction(digits: string | undefined): string {
  if (digits === undefined || /^0*$/.test(digits)) return ''
  return `.${digits.padEnd(6, '0')}`
}
