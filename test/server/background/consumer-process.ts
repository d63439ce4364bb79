import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { openDatabase } from '../../../core/database/open.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { consumeFeed, type FeedConsumer } from '../../../server/background/feed-consumer.ts'
import { startBackground } from '../../../server/background/start.ts'
import type { Extension } from '../../../server/extension.ts'

// A process that consumes the feed until nothing is left: it writes each event to the table `consumed`, with its process id.
// Its one argument says how.
const options = JSON.parse(process.argv[2] ?? '') as ConsumerProcessOptions // our own tests write it

export interface ConsumerProcessOptions {
  readonly connectionString: string
  readonly name: string
  readonly limit: number
  /** Stays in the middle of its first step, when the events are written and nothing is committed, and prints a line. */
  readonly hangs: boolean
  /** Ends once the table has so many events. */
  readonly count: number
  /** Consumes as a server does, in a loop that is woken. */
  readonly isServer: boolean
}

await using db = openDatabase({ connectionString: options.connectionString, poolSize: 2 })

const consumer: FeedConsumer = {
  name: options.name,
  async apply(trx, events) {
    const ids = events.map(({ id }) => id)
    await sql`insert into consumed (consumer, event_id, pid)
      select ${options.name}, e, ${process.pid} from unnest(${ids}::bigint[]) e`.execute(trx)
    if (!options.hangs) return
    console.log('in the middle')
    await sleep(60_000)
  },
}

const log = { debug: () => {}, error: (fields: object) => console.error(fields) }
const extensions: Extension[] = [{ name: 'tests', workers: () => ({ consumers: [consumer] }) }]
await using _background = options.isServer ? startBackground({ db, log, policy: defaultPolicy, extensions }) : null

for (;;) {
  if (options.isServer) await sleep(20)
  else await consumeFeed(db, consumer, { limit: options.limit })
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from consumed where consumer = ${options.name}`.execute(db)
  if ((rows[0]?.count ?? 0) >= options.count) break
}
