import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** What a line about an account may leave as it is. */
export interface StoredLink {
  readonly customer_id: number
  readonly is_active: boolean
  readonly shown_id: string | null
  readonly created: string
  readonly is_created_known: boolean
}

/** Reads the links of accounts, which are locked, by account. */
export async function readLinks(
  trx: Transaction<DB>,
  learnerIds: readonly number[],
): Promise<ReadonlyMap<number, readonly StoredLink[]>> {
  const { rows } = await trx.executeQuery<StoredLink & { learner_id: number }>(CompiledQuery.raw(READ, [learnerIds]))
  return Map.groupBy(rows, ({ learner_id }) => learner_id)
}

const READ = `/* enterprise.importedLinks */
select learner_id, customer_id, is_active, shown_id, created, is_created_known
from enterprise_learner_links where learner_id = any ((select $1::integer[])::integer[])`

/** Who is the active customer of a learner, while lines say so one after another. */
export interface ActiveCustomers {
  is: (learnerId: number, customerId: number) => boolean
  /** Undefined: the line leaves it as it is. */
  take: (learnerId: number, customerId: number, isActive: boolean | undefined) => void
  /** The links that are active no longer. A unique index looks at each row of a statement, so that they come first. */
  former: () => { learner_id: number; customer_id: number }[]
}

/** Begins with what is stored. */
export function trackActive(links: ReadonlyMap<number, readonly StoredLink[]>): ActiveCustomers {
  const stored = new Map(
    [...links].flatMap(([learner, ofLearner]) => {
      const active = ofLearner.find(({ is_active }) => is_active)
      return active === undefined ? [] : [[learner, active.customer_id] as const]
    }),
  )
  const active = new Map(stored)
  return {
    is: (learner, customer) => active.get(learner) === customer,
    take(learner, customer, isActive) {
      if (isActive === true) active.set(learner, customer)
      else if (isActive === false && active.get(learner) === customer) active.delete(learner)
    },
    former: () =>
      [...stored].flatMap(([learner_id, customer_id]) => {
        const now = active.get(learner_id)
        return now === undefined || now === customer_id ? [] : [{ learner_id, customer_id }]
      }),
  }
}

/** Ends that customers are the active ones of learners. */
export async function deactivate(
  trx: Transaction<DB>,
  links: readonly { learner_id: number; customer_id: number }[],
  at: string,
): Promise<void> {
  if (links.length === 0) return
  const learners = links.map(({ learner_id }) => learner_id)
  const customers = links.map(({ customer_id }) => customer_id)
  await trx.executeQuery(CompiledQuery.raw(DEACTIVATE, [learners, customers, at]))
}

const DEACTIVATE = `/* enterprise.deactivateImported */
update enterprise_learner_links k set is_active = false, updated = $3::timestamptz
from unnest((select $1::integer[]), (select $2::integer[])) as f (learner_id, customer_id)
where k.learner_id = f.learner_id and k.customer_id = f.customer_id`
