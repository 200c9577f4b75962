{
    "name": "Quality Checks (Example)",
    "summary": "What add-ons for quality do to transfers and manufacturing orders, for the tests",
    "version": "19.0.1.0.0",
    "author": "Cloudprinter add-on developers",
    "license": "LGPL-3",
    "depends": ["mrp", "stock"],
    "data": ["access.xml"],
}
