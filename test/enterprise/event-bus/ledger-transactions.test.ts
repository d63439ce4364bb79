import { randomUUID } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { ledgerReceiver } from '../../../enterprise/event-bus/ledger-transactions.ts'
import { inTransaction } from '../../../routers/extension.ts'
import { createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test('what ledgers say of their transactions is kept: the last word, and nothing that names none', async () => {
  const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()]
  await tell(event('committed', one), event('failed', two), event('committed', three.toUpperCase()))
  await tell(event('reversed', one), event('committed', 'none'), { type: 'other', data: null })
  expect(await stateOf(one)).toBe('reversed')
  expect(await stateOf(two)).toBe('failed')
  expect(await stateOf(three)).toBe('committed')
  expect(await db.selectFrom('enterprise_ledger_transactions').select('uuid').execute()).toHaveLength(3)
})

function tell(...events: { type: string; data: unknown }[]): Promise<void> {
  return inTransaction(db, (trx) => ledgerReceiver.apply(trx, events))
}

function event(state: string, uuid: string) {
  const type = `org.openedx.enterprise.subsidy_ledger_transaction.${state}.v1`
  return { type, data: { ledger_transaction: { uuid } } }
}

async function stateOf(uuid: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('enterprise_ledger_transactions')
    .select('state')
    .where('uuid', '=', uuid)
    .executeTakeFirst()
  return row?.state
}
