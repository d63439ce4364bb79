const DAY_MS = 86_400_000

/** Noon in UTC, some days after (or, negative, before) the given day. ISO 8601. */
export function days(now: Date, offset: number): string {
  const noon = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), 12)
  return new Date(noon + offset * DAY_MS).toISOString()
}
