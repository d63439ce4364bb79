import { afterAll, expect, test } from 'vitest'
import { clientClass, type ClientSettings } from '../../../core/database/client.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

const STATEMENT = '/* test.number */ select $1::integer as number'

async function openClient(told: Error[] = []) {
  const settings: ClientSettings = {
    suspiciousMs: Infinity,
    isAtWork: async () => true,
    isPooled: false,
    isNaming: true,
    onNamesFail: (error) => told.push(error),
  }
  const client = new (clientClass(settings))({ connectionString: database.connectionString })
  await client.connect()
  const ask = async (number: number) => (await client.query<{ number: number }>(STATEMENT, [number])).rows[0]?.number
  return { settings, client, ask, [Symbol.asyncDispose]: () => client.end() }
}

test('a statement that was lost on its way is sent again, also where names were given up meanwhile', async () => {
  const told: Error[] = []
  await using one = await openClient(told)
  expect(await one.ask(1)).toBe(1)
  await one.client.query('deallocate all')
  const answer = one.ask(2)
  // As another connection of the pool does, whose statement failed first.
  one.settings.isNaming = false
  expect(await answer).toBe(2)
  expect(await one.ask(3)).toBe(3)
  // That was told by the other one.
  expect(told).toEqual([])
})

test('names are given up where each of them is lost, again and again', async () => {
  const told: Error[] = []
  await using one = await openClient(told)
  for (let number = 0; number < 10; number += 1) {
    expect(await one.ask(number)).toBe(number)
    await one.client.query('deallocate all')
  }
  expect(told).toEqual([expect.objectContaining({ code: '26000' })])
  expect(one.settings.isNaming).toBe(false)
})
