DROP TABLE function_logged;
DROP TABLE function_count;
DROP TABLE function_log;
