import { sql, type RawBuilder } from 'kysely'
import { isBigint } from '../database/bigint.ts'

/** The place in the feed before all events. */
export const FEED_START = '0-0'

/** The place of an event in the feed: first by the number of its transaction, then by its id. */
export interface FeedPosition {
  readonly transaction: string
  readonly id: string
}

/** The text of a position: a cursor of the feed. */
export function cursorOf({ transaction, id }: FeedPosition): string {
  return `${transaction}-${id}`
}

/** Whether the text is a cursor of the feed, with an id up to 2^63 - 1 and a number of at most 19 digits. */
export function isFeedCursor(text: string): boolean {
  return parse(text) !== null
}

/** @throws {RangeError} for a text that is no cursor of the feed. */
export function positionOf(cursor: string): FeedPosition {
  const position = parse(cursor)
  if (position === null) throw new RangeError('Not a cursor of the feed')
  return position
}

/** Whether a position comes after another one. */
export function isAfter(one: FeedPosition, other: FeedPosition): boolean {
  if (one.transaction !== other.transaction) return BigInt(one.transaction) > BigInt(other.transaction)
  return BigInt(one.id) > BigInt(other.id)
}

/** The one of two positions that comes after the other. */
export function laterPosition(one: FeedPosition, other: FeedPosition): FeedPosition {
  return isAfter(one, other) ? one : other
}

/** The events after a position, up to another one, which is one of them. Answered from an index, in the order of the feed. */
export interface FeedRange {
  readonly after: FeedPosition
  readonly through: FeedPosition
}

/** Whether the event `alias` is in the range. */
export function inRange(alias: string, { after, through }: FeedRange): RawBuilder<boolean> {
  const [transaction, id] = [sql.ref(`${alias}.transaction_id`), sql.ref(`${alias}.id`)]
  return sql<boolean>`(${transaction}, ${id}) > (${after.transaction}::text::xid8, ${after.id}::text::bigint)
    and (${transaction}, ${id}) <= (${through.transaction}::text::xid8, ${through.id}::text::bigint)`
}

function parse(text: string): FeedPosition | null {
  const [transaction, id, ...rest] = text.split('-')
  if (transaction === undefined || id === undefined || rest.length > 0) return null
  return /^\d{1,19}$/.test(transaction) && isBigint(id) ? { transaction, id } : null
}
