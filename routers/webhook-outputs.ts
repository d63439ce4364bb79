import { z } from 'zod'
import type { Page } from '../core/webhook/read.ts'
import type { Webhook, WebhookDelivery } from '../core/webhook/webhook.ts'
import { changeKind } from './outputs.ts'

// What the operations of webhooks answer (events.md §3). Instants are ISO 8601, UTC.

export const shownSecret = z.strictObject({ id: z.string(), secret: z.string() })

export const webhook: z.ZodType<Webhook> = z.strictObject({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  kinds: z.array(changeKind).nullable(),
  courseIds: z.array(z.string()).nullable(),
  format: z.enum(['enrollment', 'openedx']),
  state: z.enum(['enabled', 'disabled']),
  disabledBecause: z.enum(['requested', 'gone', 'failing']).nullable(),
  failingSince: z.string().nullable(),
  lastError: z.string().nullable(),
  created: z.string(),
  updated: z.string(),
})

export const webhookPage = pageOf(webhook)

export const webhookDelivery: z.ZodType<WebhookDelivery> = z.strictObject({
  id: z.string(),
  webhookId: z.string(),
  eventId: z.string().nullable(),
  cursor: z.string().nullable(),
  state: z.enum(['pending', 'delivered', 'dead']),
  attempts: z.number().int().min(0),
  lastStatus: z.number().int().nullable(),
  lastError: z.string().nullable(),
  lastAnswer: z.string().nullable(),
  nextAttemptAt: z.string().nullable(),
  at: z.string(),
})

export const webhookDeliveryPage = pageOf(webhookDelivery)

function pageOf<T>(item: z.ZodType<T>): z.ZodType<Page<T>> {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() })
}
