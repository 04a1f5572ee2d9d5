DROP TABLE deployment;
DROP TABLE root_token;
DROP TABLE release;
DROP TABLE seat;
DROP TABLE project;
DROP TABLE customer;
