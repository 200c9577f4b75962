{
    "name": "Validate Later (Example)",
    "summary": "Transfers validated by a job of queue_job, for the tests",
    "version": "19.0.1.0.0",
    "author": "Cloudprinter add-on developers",
    "license": "LGPL-3",
    "depends": ["queue_job", "stock"],
}
