import { operations } from './operations.ts'
import { createRouter } from './trpc.ts'

/** The typed API as a router of tRPC, which the private listener serves. */
export const appRouter = createRouter(operations)

export type AppRouter = typeof appRouter
