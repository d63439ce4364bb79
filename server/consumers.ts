import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import { readConsumers, type ConsumerStatus } from '../core/event/consumers.ts'
import type { Extension } from './extension.ts'

/** Makes what reads how everything stands that follows something: the consumers of the feed, and what extensions follow elsewhere. */
export function consumerReader(db: Kysely<DB>, extensions: readonly Extension[]): () => Promise<ConsumerStatus[]> {
  const readers = extensions.flatMap(({ consumers }) => consumers ?? [])
  return async () => {
    const now = new Date()
    const statuses = await readConsumers(db, now)
    for (const read of readers) statuses.push(...(await read(db, now)))
    return statuses
  }
}
