/// <reference types="@fastify/cookie" preserve="true" />
/// <reference types="node" preserve="true" />
// enrollment-service/extension: what an extension needs beside the caller.
export * from '../routers/extension.ts'
export {
  mutation,
  query,
  subscription,
  type AnyOperation,
  type AnySubscription,
  type Call,
  type Operation,
  type OperationTable,
  type Subscription,
  type SubscriptionCall,
} from '../routers/operation.ts'
export type { Tracked, TrackedPage } from '../core/tracked.ts'
export { lockCheckpoint, moveCheckpoint, openCheckpoint, type Checkpoint } from '../core/event/checkpoint.ts'
export { feedChanges, type FeedChanges } from '../core/event/listen.ts'
export { consumeFeed, type ConsumeOptions, type FeedConsumer } from '../server/background/feed-consumer.ts'
export { repeat, type FailureLog, type WorkerStep } from '../server/background/loop.ts'
export type {
  BusEvent,
  BusEventType,
  BusFeed,
  BusPage,
  BusReceiver,
  ExtensionEventBus,
  ReceivedEvent,
} from '../server/event-bus/feed.ts'
export type { Extension, ExtensionRouteOptions, WorkerContext, Workers } from '../server/extension.ts'
export type { OpenApiPart } from '../server/rest/openapi/part.ts'
