import type { Kysely, Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { uuidField } from './uuid-field.ts'

const { extensionLineType, flag, line, PAGE_SIZE, pagesOfLines, quote, resolveRows, text, trackHolders, upsert } =
  importFormat

const schema = line('customer', {
  uuid: uuidField(),
  name: text({ max: 255 }),
  slug: text({ max: 255 }).nullable().default(null),
  isActive: flag().default(true),
  enableAutocohorting: flag().default(false),
})

/** Customers, by their UUID (enterprise C.0). Of the switches of edx-enterprise it has those that mean something here. */
export const customers = extensionLineType({
  type: 'customer',
  usage: '{"type": "customer", "uuid", "name", "slug"?, "isActive"?, "enableAutocohorting"?}',
  schema,
  importGroup: importCustomers,
  exportLines: exportCustomers,
})

const CUSTOMERS = {
  table: 'enterprise_customers',
  conflict: 'uuid',
  match: 't.uuid = line.uuid',
  columns: {
    uuid: ['uuid', 'key'],
    name: ['text', 'value'],
    slug: ['text', 'value'],
    is_active: ['boolean', 'value'],
    enable_autocohorting: ['boolean', 'value'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

/** A slug belongs to one customer: a line that takes another's fails, unless an earlier line has set it free. */
async function importCustomers(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const stored = await readCustomers(
    trx,
    lines.map((numbered) => numbered.line),
  )
  const known = new Set(stored.map(({ uuid }) => uuid))
  const holders = trackHolders(new Map(stored.flatMap(({ uuid, slug }) => (slug === null ? [] : [[uuid, slug]]))))
  const { rows, failures } = resolveRows(
    lines,
    ({ number, line: { uuid, name, slug, isActive, enableAutocohorting } }) => {
      const holder = slug === null ? undefined : holders.holderOf(slug)
      if (holder !== undefined && holder !== uuid) {
        return { reason: `slug: ${quote(slug ?? '')} belongs to the customer '${holder}'` }
      }
      if (!known.has(uuid) && !added.others.has(uuid)) added.others.set(uuid, number)
      holders.give(uuid, slug)
      return { key: uuid, row: { uuid, name, slug, is_active: isActive, enable_autocohorting: enableAutocohorting } }
    },
  )
  await releaseSlugs(trx, holders.passedOn())
  return { failures, ...(await upsert(trx, CUSTOMERS, rows)) }
}

/** Reads the customers of lines, and those who have their slugs. */
async function readCustomers(trx: Transaction<DB>, lines: readonly { uuid: string; slug: string | null }[]) {
  const slugs = lines.flatMap(({ slug }) => slug ?? [])
  return trx
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_customers')
    .select(['uuid', 'slug'])
    .where((where) =>
      where.or([
        where(
          'uuid',
          'in',
          lines.map(({ uuid }) => uuid),
        ),
        ...(slugs.length === 0 ? [] : [where('slug', 'in', slugs)]),
      ]),
    )
    .execute()
}

async function releaseSlugs(trx: Transaction<DB>, uuids: readonly string[]): Promise<void> {
  if (uuids.length === 0) return
  await trx
    .$extendTables<EnterpriseTables>()
    .updateTable('enterprise_customers')
    .set({ slug: null })
    .where('uuid', 'in', uuids)
    .execute()
}

function exportCustomers(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_customers')
    .select(['id', 'uuid', 'name', 'slug', 'is_active', 'enable_autocohorting'])
    .orderBy('id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: number } | null) => page.where('id', '>', after?.id ?? 0).execute(),
    ({ uuid, name, slug, is_active, enable_autocohorting }) =>
      ({
        type: 'customer',
        uuid,
        name,
        slug,
        ...(!is_active && { isActive: false }),
        ...(enable_autocohorting && { enableAutocohorting: true }),
      }) satisfies z.input<typeof schema>,
  )
}
