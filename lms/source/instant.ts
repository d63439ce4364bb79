const MYSQL = /^(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/

/**
 * ISO 8601 of an instant of an LMS, with microseconds where it has some (lms.md A.0).
 *
 * @param text what MySQL sends for a `datetime`.
 * @returns null for null, a zero date, or a day that no calendar has.
 */
export function instantFromMysql(text: unknown): string | null {
  if (typeof text !== 'string') return null
  const [, year, month, day, time, fraction = ''] = MYSQL.exec(text) ?? []
  if (year === undefined || year === '0000') return null
  const seconds = `${year}-${month}-${day}T${time}`
  const parsed = Date.parse(`${seconds}Z`)
  if (Number.isNaN(parsed) || new Date(parsed).getUTCDate() !== Number(day)) return null
  return `${seconds}${/^0*$/.test(fraction) ? '' : `.${fraction.padEnd(6, '0')}`}Z`
}

/** Microseconds since 1970 of ISO 8601 in UTC: exact, as a `Date` is not. */
export function microsecondsOf(instant: string): number {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(instant) ?? []
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'))
}
