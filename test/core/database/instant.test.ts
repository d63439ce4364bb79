import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { instantFromDate, instantFromPostgres } from '../../../core/database/instant.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

describe('an instant of PostgreSQL', () => {
  test.each([
    ['2018-01-01 00:00:01+00', '2018-01-01T00:00:01Z'],
    ['2018-01-01 00:00:01.12+00', '2018-01-01T00:00:01.120000Z'],
    ['2018-01-01 00:00:01.000001+00', '2018-01-01T00:00:01.000001Z'],
    ['2018-01-01 00:00:01.999999+00', '2018-01-01T00:00:01.999999Z'],
    ['2018-01-01 00:00:01.000000+00', '2018-01-01T00:00:01Z'],
    ['2018-01-01 02:30:01.5+02:30', '2018-01-01T00:00:01.500000Z'],
    ['2017-12-31 19:00:01+00:00', '2017-12-31T19:00:01Z'],
    ['2017-12-31 19:00:01.000007-05', '2018-01-01T00:00:01.000007Z'],
    ['2017-12-31 14:15:01-09:45', '2018-01-01T00:00:01Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00Z'],
    ['9999-12-31 23:59:59.999999+00', '9999-12-31T23:59:59.999999Z'],
  ])('%s is %s', (text, instant) => {
    expect(instantFromPostgres(text)).toBe(instant)
  })

  test.each(['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '10000-01-01 00:00:00+00', 'yesterday', ''])(
    '%j is refused without being repeated',
    (text) => {
      expect(() => instantFromPostgres(text)).toThrow('The database sent an instant outside the years 0001 to 9999')
    },
  )
})

test.each([
  [0, '1970-01-01T00:00:00Z'],
  [1, '1970-01-01T00:00:00.001000Z'],
  [120, '1970-01-01T00:00:00.120000Z'],
  [-1, '1969-12-31T23:59:59.999000Z'],
])('a date of %i milliseconds is %s', (milliseconds, instant) => {
  expect(instantFromDate(new Date(milliseconds))).toBe(instant)
})

describe('through the driver', () => {
  let world: TestDatabase
  beforeAll(async () => {
    world = await createTestDatabase()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  test.each(['UTC', 'America/St_Johns', 'Asia/Kathmandu', 'Australia/Lord_Howe'])(
    'microseconds survive in the session time zone %s',
    async (zone) => {
      const instant = await world.db.transaction().execute(async (trx) => {
        await sql`select set_config('timezone', ${zone}, true)`.execute(trx)
        const { rows } = await sql<{ instant: string }>`
          select '2026-07-01T12:34:56.789012Z'::timestamptz as instant`.execute(trx)
        return rows[0]?.instant
      })
      expect(instant).toBe('2026-07-01T12:34:56.789012Z')
    },
  )

  test('what was written from a date reads back as the same text', async () => {
    for (const date of [new Date('2026-07-01T12:34:56.070Z'), new Date('2026-07-01T12:34:56Z')]) {
      const text = instantFromDate(date)
      const { rows } = await sql<{ instant: string }>`select ${text}::timestamptz as instant`.execute(world.db)
      expect(rows).toEqual([{ instant: text }])
    }
  })
})
