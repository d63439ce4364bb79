import { sql, type Kysely } from 'kysely'

/**
 * A number for each state of a course run with its modes, so that one comparison tells whether what a process knows of it is
 * still so (decision 29). Servers of the version before do not know of it; their changes pass the same triggers.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create sequence courses_revision_seq as integer cycle`,

  // Drawn from a sequence, which no rollback takes back: a counter in the row would come to the same number twice, for two
  // states. Seconds since 2020 before it, for a standby that takes over without the last numbers that its primary drew.
  `create function draw_course_revision() returns bigint language sql volatile
    return ((date_part('epoch', clock_timestamp())::bigint - 1577836800) << 31) | nextval('courses_revision_seq')`,
  `alter table courses add column revision bigint not null default draw_course_revision()`,

  // Taking a seat's lock changes nothing that anybody knows. The comparison is of bytes, so that it works for any column.
  `create function revise_course() returns trigger language plpgsql set search_path from current as $$
    declare
      former courses := old;
    begin
      former.seat_lock := new.seat_lock;
      if former *<> new then new.revision := draw_course_revision(); end if;
      return new;
    end
  $$`,
  `create trigger courses_revised before update on courses for each row execute function revise_course()`,

  // In the order in which others lock several course runs.
  `create function revise_courses_of_modes() returns trigger language plpgsql set search_path from current as $$
    declare
      ids integer[];
    begin
      if tg_op = 'TRUNCATE' then ids := array(select id from courses);
      elsif tg_op = 'UPDATE' then ids := array(select course_id from changed union select course_id from replaced);
      else ids := array(select distinct course_id from changed); end if;
      if cardinality(ids) = 0 then return null; end if;
      perform from courses where id = any (ids) order by id for no key update;
      update courses set revision = draw_course_revision() where id = any (ids);
      return null;
    end
  $$`,
  `create trigger course_modes_added after insert on course_modes referencing new table as changed
    for each statement execute function revise_courses_of_modes()`,
  `create trigger course_modes_changed after update on course_modes
    referencing new table as changed old table as replaced
    for each statement execute function revise_courses_of_modes()`,
  `create trigger course_modes_removed after delete on course_modes referencing old table as changed
    for each statement execute function revise_courses_of_modes()`,
  `create trigger course_modes_emptied after truncate on course_modes
    for each statement execute function revise_courses_of_modes()`,
]
