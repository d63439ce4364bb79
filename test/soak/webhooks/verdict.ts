/** A message as the receiver keeps it. */
export interface Kept {
  /** The header `webhook-id`. */
  readonly messageId: string
  readonly eventId: string
  readonly enrollmentId: string
  readonly version: number
}

/** An event of the database. */
export type Expected = Omit<Kept, 'messageId'>

/** What is wrong with what was received; `duplicates` are not. */
export interface Verdict {
  readonly missing: number
  /** Messages about events that are not in the database. */
  readonly strangers: number
  /** Events that came under two ids, or ids under which two events came. */
  readonly idConflicts: number
  /** Messages that came for the first time after a later version of their enrollment. */
  readonly outOfOrder: number
  readonly duplicates: number
}

/** Compares what was received, in the order in which it came, with what was to be sent. */
export function verdictOn(received: readonly Kept[], expected: readonly Expected[]): Verdict {
  const known = new Set(expected.map(({ eventId }) => eventId))
  const idOfEvent = new Map<string, string>()
  const eventOfId = new Map<string, string>()
  const highest = new Map<string, number>()
  const counts = { strangers: 0, idConflicts: 0, outOfOrder: 0, duplicates: 0 }
  for (const { messageId, eventId, enrollmentId, version } of received) {
    if (!known.has(eventId)) counts.strangers += 1
    const isNew = !idOfEvent.has(eventId)
    if ((idOfEvent.get(eventId) ?? messageId) !== messageId) counts.idConflicts += 1
    else if ((eventOfId.get(messageId) ?? eventId) !== eventId) counts.idConflicts += 1
    idOfEvent.set(eventId, messageId)
    eventOfId.set(messageId, eventId)
    if (!isNew) {
      counts.duplicates += 1
      continue
    }
    if ((highest.get(enrollmentId) ?? 0) > version) counts.outOfOrder += 1
    highest.set(enrollmentId, Math.max(version, highest.get(enrollmentId) ?? 0))
  }
  return { missing: expected.filter(({ eventId }) => !idOfEvent.has(eventId)).length, ...counts }
}

/** Whether nothing is wrong. */
export function isGood({ missing, strangers, idConflicts, outOfOrder }: Verdict): boolean {
  return missing + strangers + idConflicts + outOfOrder === 0
}
