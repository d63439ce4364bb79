import { z } from 'zod'
import { isBigint } from '../core/database/bigint.ts'
import { isFeedCursor } from '../core/event/cursor.ts'
import { storableText } from '../core/text.ts'
import { listDeliveries, testWebhook } from '../core/webhook/deliveries.ts'
import { getWebhook, isWebhookCursor, listWebhooks, webhookIdOf } from '../core/webhook/read.ts'
import { replayAfter, replayDelivery } from '../core/webhook/replay.ts'
import { createWebhook, deleteWebhook, rotateWebhookSecret, updateWebhook } from '../core/webhook/write.ts'
import { boundedArray } from './bounded-input.ts'
import { courseId } from './inputs.ts'
import { mutation, query } from './operation.ts'
import { changeKind } from './outputs.ts'
import { shownSecret, webhook, webhookDelivery, webhookDeliveryPage, webhookPage } from './webhook-outputs.ts'

/** Any text: whether it names an endpoint is the domain's question (`webhookNotFound`). */
const id = storableText(255)
const url = storableText(4_096)
const description = storableText(1_000)
const kinds = z.array(changeKind).min(1).max(changeKind.options.length)
const courseIds = boundedArray(courseId, { min: 1, max: 1_000 })
const format = z.enum(['enrollment', 'openedx'])
const feedCursor = z.string().refine(isFeedCursor, { error: 'Not a cursor of the feed' })

/** Endpoints that are sent changes of enrollments (events.md §3). */
export const webhooksOperations = {
  create: mutation({
    input: z.strictObject({
      url,
      description: description.nullable().optional(),
      kinds: kinds.nullable().optional(),
      courseIds: courseIds.nullable().optional(),
      format: format.default('enrollment'),
    }),
    output: shownSecret,
    handler: ({ db, webhooks: settings, metadata: { now } }, fields) => createWebhook(db, fields, { settings, now }),
  }),

  list: query({
    input: z
      .strictObject({
        cursor: z.string().refine(isWebhookCursor, { error: 'Not a cursor of the endpoints' }).optional(),
      })
      .default({}),
    output: webhookPage,
    handler: ({ db }, { cursor }) => listWebhooks(db, cursor),
  }),

  get: query({
    input: z.strictObject({ id }),
    output: webhook,
    handler: async ({ db }, input) => getWebhook(db, webhookIdOf(input.id)),
  }),

  update: mutation({
    input: z.strictObject({
      id,
      url: url.optional(),
      description: description.nullable().optional(),
      kinds: kinds.nullable().optional(),
      courseIds: courseIds.nullable().optional(),
      format: format.optional(),
      state: z.enum(['enabled', 'disabled']).optional(),
    }),
    output: webhook,
    handler: async ({ db, webhooks: settings, metadata: { now } }, { id: webhookId, ...change }) =>
      updateWebhook(db, webhookIdOf(webhookId), change, { settings, now }),
  }),

  delete: mutation({
    input: z.strictObject({ id }),
    output: z.strictObject({ id: z.string() }),
    handler: async ({ db }, input) => {
      await deleteWebhook(db, webhookIdOf(input.id))
      return { id: input.id }
    },
  }),

  rotateSecret: mutation({
    input: z.strictObject({ id, overlapHours: z.number().min(0).max(720).default(24) }),
    output: shownSecret,
    handler: async ({ db, webhooks: settings, metadata: { now } }, { id: webhookId, overlapHours }) =>
      rotateWebhookSecret(db, webhookIdOf(webhookId), { overlapMs: overlapHours * 3_600_000, settings, now }),
  }),

  test: mutation({
    input: z.strictObject({ id }),
    output: webhookDelivery,
    handler: async ({ db, metadata: { now } }, input) => testWebhook(db, webhookIdOf(input.id), now),
  }),

  deliveries: query({
    input: z.strictObject({
      id,
      state: z.enum(['pending', 'delivered', 'dead']).optional(),
      cursor: z.string().refine(isBigint, { error: 'Not a cursor of deliveries' }).optional(),
    }),
    output: webhookDeliveryPage,
    handler: async ({ db }, input) => listDeliveries(db, { ...input, id: webhookIdOf(input.id) }),
  }),

  replay: mutation({
    input: z.union([z.strictObject({ id, after: feedCursor }), z.strictObject({ id, deliveryId: storableText(255) })]),
    /** The cursor of the last event that is sent again; null: of one delivery. */
    output: z.strictObject({ through: z.string().nullable() }),
    handler: async ({ db, metadata: { now } }, input) => {
      const webhookId = webhookIdOf(input.id)
      if ('after' in input) return replayAfter(db, webhookId, input.after)
      await replayDelivery(db, webhookId, input.deliveryId, now)
      return { through: null }
    },
  }),
}
