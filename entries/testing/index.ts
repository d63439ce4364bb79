/// <reference types="node" preserve="true" />
// enrollment-service/testing: throw-away databases, and lines to fill them with.
export { cloneTestDatabase } from './clone.ts'
export { startTestDatabase } from './start.ts'
export { courseRunLine, customerLine, learnerLine, modeLine } from './lines.ts'
export type { TestDatabase } from './test-database.ts'
export type { StartTestDatabaseOptions } from './start.ts'
export type { CourseRunLine, CustomerLine, LearnerLine, ModeLine, SeedLine } from './lines.ts'
