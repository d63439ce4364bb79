import pg from 'pg'
import { perObject } from './per-pool.ts'

// Instants are read as ISO 8601. A connection of somebody else may write them in another form (`DateStyle`), of which some
// cannot be read for certain. There a statement travels between two others that set the form and set it back, in one message
// and for nobody else.

/** What is known of how a connection writes instants; undefined: nothing yet. */
const dateStyleOf = perObject((connection: pg.Connection): { value: string | undefined } => {
  const style: { value: string | undefined } = { value: undefined }
  connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
    if (status.parameterName === 'DateStyle') style.value = status.parameterValue
  })
  return style
})

const BEFORE = `select current_setting('DateStyle'),
  set_config('enrollment.date_style', current_setting('DateStyle'), true), set_config('DateStyle', 'ISO', true)`
const AFTER = `select set_config('DateStyle', current_setting('enrollment.date_style'), true)`

/** Statements that answer no instants, and of which several may stand in one text. */
const CONTROL = /^(begin|commit|rollback|savepoint|release)\b/

/** A query of pg whose instants are ISO 8601 on every connection. */
export class IsoQuery extends pg.Query {
  declare readonly text: string
  /** Set where it travels between the others. */
  #style: { value: string | undefined } | undefined
  #place: 'before' | 'within' | 'after' = 'within'

  protected send(connection: pg.Connection): unknown {
    const style = dateStyleOf(connection)
    if (style.value?.startsWith('ISO') !== true && !CONTROL.test(this.text)) {
      this.#style = style
      this.#place = 'before'
    }
    return inherited.submit.call(this, connection)
  }

  // What follows is called by pg, whose types do not tell.

  protected requiresPreparation(): boolean {
    return this.#style !== undefined || inherited.requiresPreparation.call(this)
  }

  protected prepare(connection: pg.Connection): void {
    if (this.#style !== undefined) send(connection, BEFORE)
    inherited.prepare.call(this, connection)
  }

  protected _getRows(connection: pg.Connection, rows: number): void {
    if (this.#style === undefined) return inherited._getRows.call(this, connection, rows)
    connection.execute({}, false)
    send(connection, AFTER)
    connection.sync()
  }

  protected handleDataRow(message: { fields: (string | null)[] }): void {
    if (this.#place === 'within') return inherited.handleDataRow.call(this, message)
    if (this.#place === 'before' && this.#style !== undefined) this.#style.value = message.fields[0] ?? undefined
  }

  protected handleCommandComplete(message: object, connection: pg.Connection): void {
    const place = this.#place
    if (place === 'within') inherited.handleCommandComplete.call(this, message, connection)
    if (this.#style !== undefined) this.#place = place === 'before' ? 'within' : 'after'
  }
}

/** What pg's queries are made of. */
const inherited = pg.Query.prototype as unknown as {
  submit(this: pg.Query, connection: pg.Connection): unknown
  requiresPreparation(this: pg.Query): boolean
  prepare(this: pg.Query, connection: pg.Connection): void
  _getRows(this: pg.Query, connection: pg.Connection, rows: number): void
  handleDataRow(this: pg.Query, message: object): void
  handleCommandComplete(this: pg.Query, message: object, connection: pg.Connection): void
}

/** A statement by itself, whose columns nobody asks for. */
function send(connection: pg.Connection, text: string): void {
  connection.parse({ name: '', text, types: [] }, false)
  connection.bind({}, false)
  connection.execute({}, false)
}
