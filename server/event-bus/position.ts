import * as z from 'zod'
import { isAfter, isFeedCursor, positionOf } from '../../core/event/cursor.ts'
import { EventBusError } from './errors.ts'
import type { BusEvent, BusPage } from './feed.ts'

/** How far a feed has been sent: what Redis keeps beside the entries. */
export interface BusPosition {
  readonly cursor: string
  /** What is being sent again because Redis has lost it; absent: nothing. */
  readonly resend?: Resend | undefined
}

/** Events of a type up to `through` are sent again only after a place of their own: before it, the streams would not hold them. */
export interface Resend {
  readonly through: string
  readonly after: Readonly<Record<string, string>>
}

const cursor = z.string().refine(isFeedCursor)

const kept = z.strictObject({
  cursor,
  resend: z.strictObject({ through: cursor, after: z.record(z.string(), cursor) }).optional(),
})

/** @throws {EventBusError} for a text that this service has not written: nothing is sent until somebody has looked at it. */
export function parsePosition(text: string): BusPosition {
  const parsed = kept.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  throw new EventBusError('the position that Redis keeps is not one of this service: delete the key, or restore it')
}

export function formatPosition(position: BusPosition): string {
  return JSON.stringify(position)
}

/** The position after a page. */
export function advanced({ resend }: BusPosition, page: BusPage): BusPosition {
  const isResending = resend !== undefined && comesAfter(resend.through, page.cursor)
  return isResending ? { cursor: page.cursor, resend } : { cursor: page.cursor }
}

/** Whether an event is sent, or was too long ago to be sent again. */
export function isSent({ resend }: BusPosition, { type, cursor: at }: Pick<BusEvent, 'type' | 'cursor'>): boolean {
  const after = resend?.after[type]
  return after === undefined || comesAfter(at, after)
}

/** The place of two that comes first. */
export function earlier(one: string, other: string): string {
  return comesAfter(one, other) ? other : one
}

/** Whether a place comes after another one. */
function comesAfter(one: string, other: string): boolean {
  return isAfter(positionOf(one), positionOf(other))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
