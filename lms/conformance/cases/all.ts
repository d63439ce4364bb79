import type { Case } from '../case.ts'
import type { Names } from '../names.ts'
import { allowanceCases } from './allowances.ts'
import { bulkCases } from './bulk.ts'
import { courseKeyCases } from './course-keys.ts'
import { decisionCases } from './decisions.ts'
import { frameworkCases } from './framework.ts'
import { pageCases } from './pages.ts'
import { nullCases, postOrderCases } from './post-order.ts'
import { postRuleCases } from './post-rules.ts'
import { readCases } from './reads.ts'
import { rightsCases } from './rights.ts'
import { routeCases } from './routes.ts'
import { unenrollCases } from './unenroll.ts'

/** All cases, by the sections of rest-v1. None depends on another. */
export function allCases(names: Names): Case[] {
  const cases = [
    ...routeCases(),
    ...courseKeyCases(),
    ...frameworkCases(names),
    ...rightsCases(names),
    ...readCases(names),
    ...postOrderCases(names),
    ...postRuleCases(names),
    ...decisionCases(names),
    ...nullCases(names),
    ...unenrollCases(names),
    ...pageCases(names),
    ...allowanceCases(names),
    ...bulkCases(names),
  ]
  return cases.toSorted((a, b) =>
    sectionOrder(a.section).localeCompare(sectionOrder(b.section), 'en', { numeric: true }),
  )
}

/** `0 D2` and `3.2 row 15a` in the order of their numbers. */
function sectionOrder(section: string): string {
  return section.replace('row ', '')
}
