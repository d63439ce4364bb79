/** The hour at which a night's work begins, in the time zone of the process. */
const HOUR = 2

/** The instant at which the last night's work began that has begun. Pure, but for the time zone. */
export function lastNight(now: Date): Date {
  const night = new Date(now)
  night.setHours(HOUR, 0, 0, 0)
  if (night > now) night.setDate(night.getDate() - 1)
  return night
}
