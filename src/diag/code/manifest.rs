//! `MLO2…`: the `ModelDeployment` manifest and the model that it names.

codes! {
    YAML = "MLO2001", "not valid YAML",
        "The file is not valid YAML at the place shown. Check the indentation (spaces, no tabs), quotes and colons.";
    YAML_FEATURE = "MLO2002", "YAML that manifests do not use",
        "Aliases (`*name`), merge keys (`<<`), tags (`!!str`) and keys that are not plain text are refused in manifests: each value is written where it counts, so that every message and every policy decision points at one line.";
    DUPLICATE_KEY = "MLO2003", "key written twice",
        "A key is there twice in one block. Readers of YAML differ in which of the two they take, so a policy could see another value than the one that is deployed. Keep one.";
    LIMIT = "MLO2004", "file too large or too deep",
        "A manifest has at most 10 MiB, 100,000 values and keys, and 64 levels. Real manifests have a few hundred values; a file over the limits is refused before it can exhaust memory.";
    UNREADABLE = "MLO2005", "file cannot be read",
        "The file or folder is missing, may not be read, is not a regular file, or is not UTF-8 text. Check the path and the permissions, and save the file as UTF-8.";
    NO_MANIFEST = "MLO2006", "no manifest found",
        "The file that was named holds no `ModelDeployment`. A manifest begins with `apiVersion: mlifecycle.io/v1` and `kind: ModelDeployment`.";
    KIND = "MLO2007", "wrong kind or apiVersion",
        "A document in the group `mlifecycle.io`, or of kind `ModelDeployment`, must have exactly `apiVersion: mlifecycle.io/v1` and `kind: ModelDeployment`. It is refused, not ignored, so that a typing mistake cannot take a model out of governance.";
    UNKNOWN_FIELD = "MLO2008", "unknown field",
        "The manifest has no such field at this place. Only `metrics`, `fairness`, `labels` and `annotations` take names of your own. The message names the nearest known field, or the place where a field of that name belongs.";
    MISSING_FIELD = "MLO2009", "required field is missing",
        "A field that every manifest needs is missing or empty. The message points at the block that it belongs to.";
    WRONG_TYPE = "MLO2010", "wrong type of value",
        "The value has another type than the field takes: for example text where a number belongs, or one value where a list belongs. Text in quotes is always a string; numbers, `true` and `false` are written without quotes.";
    WRONG_VALUE = "MLO2011", "value not allowed",
        "The value has the right type but not one of the allowed forms: a name, version, date, quantity, duration, address or one of a list of words. The message says what is expected, with an example.";
    CONTRADICTION = "MLO2012", "values contradict each other",
        "Two values of the manifest cannot hold together, for example a request above its limit or a minimum above its maximum. Change one of the two places shown.";
    DUPLICATE_NAME = "MLO2013", "two manifests of one name",
        "Two manifests have the same name. The name is `metadata.name`, or `spec.model.name` where it is left out, and is what HCL finds a manifest by. Give one of them another name.";
    MODEL_MISSING = "MLO2014", "model file not found",
        "`spec.model.uri` names no file, or a folder that does not hold exactly one `.onnx` file. Relative paths begin at the folder of the manifest's project, and cannot leave it.";
    MODEL_INVALID = "MLO2015", "not a usable model",
        "The file that `spec.model.uri` names is not a whole ONNX model, or is one that is not served: it is damaged, too large, or keeps weights in other files. Export it again as one ONNX file.";
    MODEL_DIGEST = "MLO2016", "model is not the pinned one",
        "The file has another SHA-256 digest than `spec.model.sha256`. Either the file was replaced, or the manifest pins an older one. Put the right file back, or pin the new digest after a review.";
    MODEL_SOURCE = "MLO2017", "model source not supported yet",
        "The address is valid in a manifest, but this version fetches models from files and folders only. Download the model into the project and name its path.";
}
