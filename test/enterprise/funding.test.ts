import { afterAll, expect, test } from 'vitest'
import { cancelFulfilment } from '../../enterprise/fulfilments/cancel-fulfilment.ts'
import { enterpriseFunding } from '../../enterprise/funding.ts'
import { contextOf } from './calls.ts'
import { pay } from './fulfilments/funded-world.ts'
import { addCustomer, createEnterpriseDatabase } from './seed.ts'
import { createCaller } from '../../routers/index.ts'
import { addCourse, addLearner } from '../support/seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test('what a customer pays for is funded until it ends; what learners chose themselves is not', async () => {
  const context = contextOf(db, { requestId: 'request 1' })
  const { learner, courseId, fulfilmentId } = await pay(db, await addCustomer(db), 'license')
  const { enrollment } = createCaller(context)
  const own = await addLearner(db)
  const paid = await enrollment.get({ userId: String(learner.id), courseId })
  const { enrollment: chosen } = await enrollment.enroll({ username: own.username, courseId: await addCourse(db) })
  const ids = [paid?.id ?? '', chosen.id]
  expect(await enterpriseFunding.fundedEnrollments(db, ids)).toEqual(new Set([paid?.id]))
  await cancelFulfilment(context, { fulfilmentId })
  expect(await enterpriseFunding.fundedEnrollments(db, ids)).toEqual(new Set())
})
