import type { ConsumerStatus } from '../../core/event/consumers.ts'
import type { Page } from '../../core/webhook/read.ts'
import type { Webhook, WebhookDelivery } from '../../core/webhook/webhook.ts'

/** An endpoint with how far it is. */
export type ListedWebhook = Webhook & Omit<ConsumerStatus, 'name'>

/** Endpoints as a person reads them. */
export function webhookLines(webhooks: readonly ListedWebhook[]): string {
  if (webhooks.length === 0) return 'There are no webhooks.\n'
  return webhooks.map(webhookText).join('\n')
}

function webhookText(webhook: ListedWebhook): string {
  const { id, url, state, disabledBecause, cursor, lagEvents, lagSeconds, lastError, failingSince } = webhook
  const lines = [
    `${id}  ${url}`,
    `  ${state}${disabledBecause === null ? '' : ` (${disabledBecause})`}, ${filterOf(webhook)}`,
    `  position ${cursor ?? 'unknown'}, ${lagEvents} events and ${Math.round(lagSeconds)} s behind`,
  ]
  if (lastError !== null) lines.push(`  ${lastError}${failingSince === null ? '' : `, failing since ${failingSince}`}`)
  return `${lines.join('\n')}\n`
}

function filterOf({ kinds, courseIds, format }: Webhook): string {
  const what = kinds === null ? 'all kinds' : kinds.join(', ')
  const where = courseIds === null ? 'all course runs' : courseIds.join(', ')
  return `${what} of ${where}, as ${format}`
}

/** Deliveries as a person reads them. */
export function deliveryLines({ items, nextCursor }: Page<WebhookDelivery>): string {
  if (items.length === 0) return 'There are no deliveries.\n'
  const lines = items.map(deliveryText)
  if (nextCursor !== null) lines.push(`More: --cursor ${nextCursor}`)
  return `${lines.join('\n')}\n`
}

function deliveryText({ id, eventId, state, attempts, lastError, nextAttemptAt, at }: WebhookDelivery): string {
  const what = eventId === null ? 'test' : `event ${eventId}`
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`
  const next = nextAttemptAt === null ? '' : `, next ${nextAttemptAt}`
  return `${id}  ${at}  ${what}  ${state} after ${tries}${next}${lastError === null ? '' : `: ${lastError}`}`
}
