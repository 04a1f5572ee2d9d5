DROP INDEX project_placement;
DROP TABLE project_database;
