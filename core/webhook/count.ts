import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/** How many endpoints there are, by state. */
export type WebhookCounts = Readonly<Record<'enabled' | 'disabled', number>>

/** Counts the endpoints of webhooks. */
export async function countWebhooks(db: Kysely<DB>): Promise<WebhookCounts> {
  const rows = await db
    .selectFrom('webhooks')
    .select((eb) => ['state', eb.fn.countAll<string>().as('count')])
    .groupBy('state')
    .execute()
  const countOf = (state: string) => Number(rows.find((row) => row.state === state)?.count ?? 0)
  return { enabled: countOf('enabled'), disabled: countOf('disabled') }
}
