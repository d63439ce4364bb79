const INSTANT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d):?(\d\d))$/

/**
 * Reads an instant of ISO 8601 with `Z` or an offset, without losing microseconds.
 *
 * @returns the form that the database client gives (UTC, a fraction of six digits or none), so that equal instants are
 * equal texts; null for everything else, for days that no calendar has and for years outside 0001 to 9999.
 */
export function parseInstant(text: string): string | null {
  const [, day, time, seconds = '00', digits = '', sign, hours, minutes] = INSTANT.exec(text) ?? []
  if (day === undefined || time === undefined) return null
  const local = new Date(`${day}T${time}:${seconds}Z`)
  // A day past the end of its month, and the hour 24, roll over instead of failing.
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(day)) return null
  if (Number(minutes ?? 0) > 59) return null
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000 * (sign === '-' ? -1 : 1)
  const utc = new Date(local.getTime() - offset).toISOString()
  if (!/^\d{4}-/.test(utc) || utc.startsWith('0000')) return null
  const fraction = /^0*$/.test(digits) ? '' : `.${digits.padEnd(6, '0')}`
  return `${utc.slice(0, 19)}${fraction}Z`
}
