import type { ChangeKind } from '../enrollment/command.ts'

/** What the body of a message holds of an event: the event, or what Open edX says of it (events.md §4). */
export type WebhookFormat = 'enrollment' | 'openedx'

/** By whom an endpoint was disabled: by a call, by its answer 410, or because it failed for five days. */
export type DisabledReason = 'requested' | 'gone' | 'failing'

/** An endpoint that is sent changes of enrollments, without its secret. */
export interface Webhook {
  id: string
  url: string
  description: string | null
  /** The kinds of changes that it is sent; null: all. */
  kinds: ChangeKind[] | null
  /** The course runs of which it is sent changes; null: all. */
  courseIds: string[] | null
  format: WebhookFormat
  state: 'enabled' | 'disabled'
  disabledBecause: DisabledReason | null
  /** Of the first failure since the last success, ISO 8601; null: it does not fail. */
  failingSince: string | null
  /** What the last failure was, as long as it fails. */
  lastError: string | null
  created: string
  updated: string
}

export type DeliveryState = 'pending' | 'delivered' | 'dead'

/** What became of one event for one endpoint; of a test, `eventId` and `cursor` are null. */
export interface WebhookDelivery {
  id: string
  webhookId: string
  eventId: string | null
  cursor: string | null
  state: DeliveryState
  attempts: number
  lastStatus: number | null
  lastError: string | null
  /** At most 16 KB of the last answer. */
  lastAnswer: string | null
  nextAttemptAt: string | null
  /** When it was made, ISO 8601. */
  at: string
}

/** What the work with endpoints needs of the deployment. */
export interface WebhookSettings {
  /** The secrets of endpoints are encrypted with the first, and decrypted with any; none: endpoints cannot be made. */
  readonly secretKeys: readonly string[]
  /** CIDRs that messages may be sent to although they are not of the internet. */
  readonly allowedNetworks: readonly string[]
}
