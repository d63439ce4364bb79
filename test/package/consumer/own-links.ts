// A consumer that brings links of its own: tRPC's types of them name those of a browser, so `lib` has `dom`.
import { createTRPCClient, httpBatchLink } from '@trpc/client'
import type { AppRouter } from 'enrollment-service/client'

export const client = createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: 'http://127.0.0.1:8001/trpc' })] })
export const page = () => client.enrollment.search.query({ modes: ['audit'] })
export const enroll = () => client.enrollment.enroll.mutate({ username: 'alice', courseId: 'course-v1:a+b+c' })
