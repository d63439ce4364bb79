/** The event bus does not work at the moment; the message says why in plain words and holds no secret and no data. */
export class EventBusError extends Error {
  override readonly name = 'EventBusError'
}
