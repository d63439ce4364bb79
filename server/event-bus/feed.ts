import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** A type of event on the bus, as openedx-events defines it. */
export interface BusEventType {
  readonly type: string
  /** Where its events go, or are read from, unless the settings say otherwise; without the prefix. */
  readonly topics: readonly string[]
  /** The Avro schema of its data, as JSON. */
  readonly schema: object
}

/** An event for the bus. */
export interface BusEvent {
  /** Names what happened: the id of the entry follows from it and from the type. */
  readonly id: string
  /** Its place in the feed that it comes from. */
  readonly cursor: string
  readonly type: string
  /** ISO 8601, UTC, as the database writes it. */
  readonly at: string
  /** Fits the schema of the type. */
  readonly data: unknown
}

export interface BusPage {
  /** In their order; what happened at one place has all its events in one page. */
  readonly events: readonly BusEvent[]
  /** Continues after the page. */
  readonly cursor: string
  /** Whether there is more by now. */
  readonly isMore: boolean
}

/**
 * What goes to the event bus: events in an order that skips none, each with a place that outlives the cluster. Places are
 * cursors of the feed, or such as `0-7`: numbers that only grow.
 */
export interface BusFeed {
  /** Names its position: never changes, and no other feed has it. */
  readonly name: string
  readonly types: readonly BusEventType[]
  /** The place after all that is there by now. */
  end(db: Kysely<DB>): Promise<string>
  /** Reads on after a place. */
  read(db: Kysely<DB>, after: string, limit: number): Promise<BusPage>
  /** The place after which the last `count` events of a type come that lie in a range; its beginning where it has no more. */
  rewind(
    db: Kysely<DB>,
    range: { readonly after: string; readonly through: string },
    type: string,
    count: number,
  ): Promise<string>
}

/** An event that somebody else has sent. */
export interface ReceivedEvent {
  readonly type: string
  /** The UUID that its sender gave it. */
  readonly id: string
  /** ISO 8601, UTC, as the database writes it. */
  readonly at: string
  /** As the schema of the type decodes it. */
  readonly data: unknown
}

/** What takes in events of others. */
export interface BusReceiver {
  /** Names its positions: never changes, and no other receiver has it. */
  readonly name: string
  readonly types: readonly BusEventType[]
  /**
   * Does what follows from events, in the transaction that also keeps how far its stream was read. What it throws is told to the
   * log, and the same events come again: what it cannot use it has to leave out.
   *
   * @param events of one stream, in its order.
   */
  apply(trx: Transaction<DB>, events: readonly ReceivedEvent[]): Promise<unknown>
}

/** What an extension sends to the event bus, and takes from it. */
export interface ExtensionEventBus {
  readonly feeds?: readonly BusFeed[]
  readonly receivers?: readonly BusReceiver[]
}
