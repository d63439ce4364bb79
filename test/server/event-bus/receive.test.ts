// slow: waits for Redis and for the feed
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { entryWriter, type EntryFields } from '../../../server/event-bus/entry.ts'
import type { BusReceiver, ReceivedEvent } from '../../../server/event-bus/feed.ts'
import { hasRedis, openRedis } from '../../support/redis.ts'
import { newDatabase, openBus } from './bus.ts'

const SCHEMA = { type: 'record', name: 'CloudEvent', fields: [{ name: 'text', type: 'string' }] }
const TYPE = 'org.openedx.tests.written.v1'
const types = [{ type: TYPE, topics: ['written'], schema: SCHEMA }]
const write = entryWriter(types, 'host')

describe.skipIf(!hasRedis)('events of others on the bus', async () => {
  const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
  afterAll(() => redis?.[Symbol.asyncDispose]())
  beforeEach(() => redis.client.flushall())

  async function open(db: Kysely<DB>, apply?: BusReceiver['apply']) {
    const taken: ReceivedEvent[] = []
    const take: BusReceiver['apply'] = async (_, events) => void taken.push(...events)
    const bus = await openBus(db, redis, {
      extensions: [{ receivers: [{ name: 'tests', types, apply: apply ?? take }] }],
    })
    return { taken, told: bus.told, run: () => bus.run(1), texts: () => taken.map(({ data }) => (data as Text).text) }
  }

  test('are taken in from the oldest on, each once and in order', async () => {
    const bus = await open(await newDatabase())
    for (let index = 0; index < 450; index += 1) await add(`${index}`)
    await bus.run()
    await add('last')
    await bus.run()
    expect(bus.texts()).toEqual([...Array.from({ length: 450 }, (_, index) => `${index}`), 'last'])
    expect(bus.taken[0]).toEqual({
      type: TYPE,
      id: expect.any(String),
      at: '2026-01-02T03:04:05Z',
      data: { text: '0' },
    })
  })

  test('wait for a stream that is not there yet', async () => {
    const bus = await open(await newDatabase())
    await bus.run()
    await add('first')
    await bus.run()
    expect(bus.texts()).toEqual(['first'])
  })

  test('are taken in by one of several processes', async () => {
    const db = await newDatabase()
    const processes = [await open(db), await open(db)]
    for (let index = 0; index < 300; index += 1) await add(`${index}`)
    await Promise.all(processes.map((bus) => bus.run()))
    await Promise.all(processes.map((bus) => bus.run()))
    expect(processes.flatMap((bus) => bus.texts()).toSorted()).toEqual(
      Array.from({ length: 300 }, (_, index) => `${index}`).toSorted(),
    )
  })

  test('come again when what follows from them fails, which then has done nothing', async () => {
    const db = await newDatabase()
    const bus = await open(db, async (trx) => {
      await trx.deleteFrom('event_bus_feeds').execute()
      throw new Error('not today')
    })
    await add('first')
    await expect(bus.run()).rejects.toThrow('not today')
    expect(await db.selectFrom('event_bus_feeds').select('name').execute()).toHaveLength(1)
    const later = await open(db)
    await later.run()
    expect(later.texts()).toEqual(['first'])
  })

  test('of other types are passed over, and what nobody can read is told without being shown', async () => {
    const bus = await open(await newDatabase())
    await add('first')
    await addFields(['type', 'org.openedx.other.v1', 'id', randomUUID(), 'event_data', 'secret'])
    await addFields(['type', TYPE, 'id', randomUUID(), 'time', '2026-01-02T03:04:05+00:00', 'event_data', 'secret'])
    await addFields(['type', TYPE, 'id', 'secret', 'time', '2026-01-02T03:04:05+00:00', 'event_data', Buffer.from([0])])
    await addFields(['type', TYPE, 'id', randomUUID(), 'time', '0000-01-01T00:00:00Z', 'event_data', Buffer.from([0])])
    await addFields(['type', TYPE])
    await add('last')
    await bus.run()
    expect(bus.texts()).toEqual(['first', 'last'])
    expect(bus.told).toEqual([
      { fields: expect.objectContaining({ unreadable: 4 }), message: 'the event bus has entries that cannot be read' },
    ])
    expect(JSON.stringify(bus.told)).not.toContain('secret')
  })

  test('may have fields at their end that were not there when this was written', async () => {
    const bus = await open(await newDatabase())
    const fields = entryOf('known')
    const data = fields.at(-1)
    await addFields([...fields.slice(0, -1), Buffer.concat([Buffer.from(data as Buffer), Buffer.from([2, 0x7a])])])
    await bus.run()
    expect(bus.texts()).toEqual(['known'])
  })

  test('of a stream that begins anew are read from its beginning', async () => {
    const bus = await open(await newDatabase())
    await add('old', '9000000000000-0')
    await bus.run()
    await redis.client.del('written')
    await add('new', '1-1')
    await bus.run()
    expect(bus.texts()).toEqual(['old', 'new'])
  })

  test('are not read again where the newest was taken out of the stream', async () => {
    const bus = await open(await newDatabase())
    await add('one')
    const last = await add('two')
    await bus.run()
    await redis.client.xdel('written', last)
    await bus.run()
    expect(bus.texts()).toEqual(['one', 'two'])
  })

  async function add(text: string, id = '*'): Promise<string> {
    return addFields(entryOf(text), id)
  }

  async function addFields(fields: EntryFields, id = '*'): Promise<string> {
    return String(await redis.client.call('XADD', ['written', id, ...fields]))
  }
})

interface Text {
  readonly text: string
}

function entryOf(text: string): EntryFields {
  return write({ id: text, cursor: '1-1', type: TYPE, at: '2026-01-02T03:04:05Z', data: { text } })
}
