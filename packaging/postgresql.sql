-- The database users and schemas of an authority whose roles run apart
-- (docs/operating.md). Run once by a superuser in a database of its own, such
-- as one made by CREATE DATABASE certhall. Passwords, or other ways to log in,
-- are given to the users beside this: \password certhall_hall and so on.

CREATE ROLE certhall_issue LOGIN;
CREATE ROLE certhall_hall LOGIN;
CREATE ROLE certhall_publish LOGIN;

-- Each schema belongs to the user of its role, who brings its tables up to
-- date by himself. Nobody else gets in.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA authority AUTHORIZATION certhall_issue;
CREATE SCHEMA hall AUTHORIZATION certhall_hall;
GRANT USAGE ON SCHEMA authority TO certhall_publish;

ALTER ROLE certhall_issue SET search_path = authority;
ALTER ROLE certhall_publish SET search_path = authority;
ALTER ROLE certhall_hall SET search_path = hall;
