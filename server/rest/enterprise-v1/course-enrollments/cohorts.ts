import { decideUpgrade } from '../../../../enterprise/bulk/decide-upgrade.ts'
import { createCaller, type Enrollment } from '../../../../routers/index.ts'
import { contextOf } from '../api.ts'
import type { ListContext, NamedItem } from './named-item.ts'

/** The most that `enrollment.getMany` takes. */
const MAX_READ = 1000

/**
 * The items that name a cohort and would enroll somebody (enterprise-routes.md §2.6), which are refused where the customer has
 * no auto-cohorting. Of an address that waits or is not linked it is not asked whether it is enrolled already.
 */
export async function needCohort(context: ListContext, items: readonly NamedItem[]): Promise<ReadonlySet<NamedItem>> {
  const asking = items.filter(({ item }) => item.isActive && item.cohort !== undefined)
  const needing = new Set<NamedItem>()
  for (let start = 0; start < asking.length; start += MAX_READ) {
    const part = asking.slice(start, start + MAX_READ)
    const enrollments = await readEnrollments(context, part)
    for (const named of part) {
      const { does } = decideUpgrade(enrollments.get(named) ?? null, named.item.mode)
      if (does === 'add' || does === 'change') needing.add(named)
    }
  }
  return needing
}

async function readEnrollments(
  { api, request }: ListContext,
  items: readonly NamedItem[],
): Promise<ReadonlyMap<NamedItem, Enrollment | null>> {
  const linked = items.flatMap((named) => {
    const { learner, courseKey: courseId } = named
    return learner.linkedUserId === null ? [] : [{ named, pair: { userId: String(learner.linkedUserId), courseId } }]
  })
  if (linked.length === 0) return new Map()
  const pairs = linked.map(({ pair }) => pair)
  const found = await createCaller(contextOf(api, request)).enrollment.getMany({ enrollments: pairs })
  return new Map(linked.map(({ named }, index) => [named, found[index] ?? null]))
}
