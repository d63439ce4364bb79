import { readCatalogue } from '../../../../enterprise/catalogue.ts'
import { EnterpriseError } from '../../../../enterprise/errors.ts'
import { findListedLearners } from '../../../../enterprise/learner/listed-learners.ts'
import { NOT_FOUND, Refusal, type ViewResponse } from '../../django/response.ts'
import { contextOf, mayActForCustomer, type EnterpriseApi } from '../api.ts'
import type { EnterpriseRequest, EnterpriseView } from '../serve.ts'
import { runItems } from './run-items.ts'
import { courseIdsIn, elementsOf, NOBODY, readItem } from './items.ts'
import type { NamedItem } from './named-item.ts'

/**
 * `course_enrollments`: enrolls learners of a customer, or ends their enrollments, without funding (enterprise-routes.md §2.6).
 * Each item has its answer, and a bad one stops no other.
 *
 * @param customer any text of a path.
 */
export function courseEnrollmentsView(api: EnterpriseApi, customer: string): EnterpriseView {
  return {
    name: 'Course enrollments',
    permits: (rights) => mayActForCustomer(api, customer, rights),
    methods: { POST: (request) => answerList(api, customer, request) },
  }
}

async function answerList(api: EnterpriseApi, uuid: string, request: EnterpriseRequest): Promise<ViewResponse> {
  const elements = elementsOf(request.body)
  const context = contextOf(api, request)
  const { customer, offers } = await readCatalogue(context, uuid, courseIdsIn(elements)).catch((error: unknown) => {
    throw error instanceof EnterpriseError ? new Refusal(NOT_FOUND) : error
  })
  const courseKeyOf = (courseId: string) => offers.get(courseId)?.courseId
  const catalogue = { customerName: customer.name, has: (courseId: string) => courseKeyOf(courseId) !== undefined }
  const read = elements.map((element) => readItem(element, catalogue))
  const items = read.flatMap((one, index) => ('item' in one ? [{ index, item: one.item }] : []))
  const names = items.map(({ item: { lmsUserId, email } }) => ({ userId: lmsUserId, email }))
  const learners = await findListedLearners(context, customer, names)
  const named = items.flatMap(({ index, item }, place): NamedItem[] => {
    const learner = learners[place] ?? null
    const courseKey = courseKeyOf(item.courseId)
    return learner === null || courseKey === undefined ? [] : [{ index, item, learner, courseKey }]
  })
  const hasCohorts = customer.enable_autocohorting
  const answers = await runItems({ api, customer: customer.uuid, hasCohorts, request }, named)
  return {
    status: 200,
    body: read.map((one, index) => ('errors' in one ? one.errors : (answers.get(index) ?? NOBODY))),
  }
}
